#!/bin/sh
# numba refuses to use compiled kernels in a place it may not write to, and the image's own files are read-only: it gets a copy.
set -eu
if [ ! -d "$NUMBA_CACHE_DIR" ]; then
  cp -R --preserve=timestamps /opt/kiln/kernels "$NUMBA_CACHE_DIR.new"
  mv "$NUMBA_CACHE_DIR.new" "$NUMBA_CACHE_DIR"
fi
exec kiln "$@"
