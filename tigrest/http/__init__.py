"""HTTP: the application that answers requests, and what it is made of; the connections are in :mod:`tigrest.http.wire`."""
