"""The only SQL: values in, values out, one transaction a method.

Putting a statement together takes longer than running it. What is said for each picture is therefore built once: a
constant of its module with ``bindparam`` where values go, or a function with ``built_once`` (``database.py``) where the
two kinds of database say it differently. The rest is built where it is said, which is easier to read.
"""
