"""The HTTP service: `app.make_app` makes it, `server.Server` serves it. Nothing here is imported before somebody serves."""
