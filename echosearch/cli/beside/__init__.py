"""The command line beside a running `serve`: the server, whose encoder is loaded, answers over a socket in the home."""
