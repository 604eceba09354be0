// glTF-Transform's reader with every decoder a GLB may ask for; warnings are gathered in `said`.
import { createRequire } from "node:module";
import { Logger, NodeIO } from "@gltf-transform/core";
import { ALL_EXTENSIONS } from "@gltf-transform/extensions";
import { MeshoptDecoder } from "meshoptimizer";

const draco3d = createRequire(import.meta.url)("draco3dgltf");

export async function reader(said) {
  await MeshoptDecoder.ready;
  const logger = new Logger(Logger.Verbosity.WARN);
  logger.warn = (text) => said.push(text);
  logger.error = (text) => said.push(text);
  return new NodeIO()
    .setLogger(logger)
    .registerExtensions(ALL_EXTENSIONS)
    .registerDependencies({ "meshopt.decoder": MeshoptDecoder, "draco3d.decoder": await draco3d.createDecoderModule() });
}
