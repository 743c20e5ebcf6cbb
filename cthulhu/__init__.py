"""The service behind the API: it keeps the state of every cluster and carries out requests on them."""
