"""What a change is: its steps, their states, and the factories that turn an intent into monitor commands.

Pure: nothing here knows of a database, a broker or a node. `cthulhu.persistence` stores what is made here.
"""
