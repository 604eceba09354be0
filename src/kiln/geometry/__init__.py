"""Pure Mesh -> Mesh (or Mesh -> numbers), one verb a file: no files, no state, no opinions about recipes."""
