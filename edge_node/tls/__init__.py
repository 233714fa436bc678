"""HTTPS inside the clinic: an authority of the clinic's own, the server's certificate, and what a device needs to trust them."""
