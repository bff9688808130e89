"""
API clients: programs that plan and run deal days by JSON. An admin makes and revokes them in the console; with its
secret a client has tokens made, and each request carries one.
"""
