"""Channel packing: any named maps into the channels of one picture, as an engine's shader wants them."""
