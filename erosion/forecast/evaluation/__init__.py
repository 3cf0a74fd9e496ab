"""How good forecasts are, on dates and stretches of river that no fit has seen; the past of the trigger."""
