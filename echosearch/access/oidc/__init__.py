"""Signing in by an OpenID provider, the extra `echosearch[oidc]`; Authlib is imported by provider.py alone."""
