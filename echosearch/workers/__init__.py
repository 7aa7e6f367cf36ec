"""Worker processes with resource limits, for untrusted files. Imports nothing, as `status` reads sandbox alone."""
