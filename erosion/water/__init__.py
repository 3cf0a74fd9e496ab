"""Water fraction per epoch and pixel, from masks brought by hand or from satellite passes."""
