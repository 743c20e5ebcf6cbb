"""The version of the server, as `GET info` and the OpenAPI document show it."""

VERSION = "2.0.0"
