"""The review room as a web page.

app       the application: headers, sessions, errors
api       what the page asks the server
items     what a person is shown of an item
session   who is signed in
"""
