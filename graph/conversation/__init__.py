"""What a person may say and what is answered, once for every front.

Text comes in, the ledgers are read and written, `Reply` objects go out. A
front renders them and decides nothing.
"""
