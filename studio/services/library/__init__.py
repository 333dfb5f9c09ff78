"""The library: which outputs, in which rows, and what a tile says of each.

`filters` is what may be asked and its one form in an address, `layout` breaks rows, `windows` asks the database and
keeps layouts for a short time, `views` are filters that somebody keeps under a name.
"""
