"""The command `firesteel`, and the Scala kernel of Jupyter that it installs.

This is no part of `firesteel`, because that cannot be imported without pyspark, and here somebody who has none is told.
"""
