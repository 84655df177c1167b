"""The authorisation server: clients get tokens for users who log in by them. RFC 6749"""
