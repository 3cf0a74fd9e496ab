"""Channel, bank segments and their retreat per epoch, from what was known on a date."""
