"""Quality control of gauge series; each quality flag is a further revision of a value."""
