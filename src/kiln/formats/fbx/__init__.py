"""FBX, binary, versions 7100 to 7700: what Unreal and Unity take, written and read without anybody's SDK."""
