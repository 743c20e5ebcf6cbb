"""The wire between the HTTP edge and cthulhu: protocol, typed client, server, version vector."""
