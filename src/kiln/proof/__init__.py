"""The proof of quality: measures of written files, preview sheets, and the report page."""
