"""The web face: `echosearch serve`, its pages and its API. FastAPI is imported by the modules that need it alone."""
