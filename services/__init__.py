"""The two services and the command that starts them."""
