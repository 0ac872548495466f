"""The sources of posts, behind one port; none is on until the settings name it."""
