"""What can be seen of an environment, its release and its cluster; changes nothing."""
