"""Chance that the river cuts through the neck of a bend, on the map and in the detail of a segment, in both languages."""

VI = {
    "map.neck": "eo đất mà sông có thể cắt qua (xác suất từ {least})",
    "map.neck.label": "eo {chance}",
    "segment.neck": "Sông có thể cắt qua eo đất ở đây: xác suất {chance} trong {days} ngày (khoảng 90%: {low} đến {high}); "
    "eo đất rộng {width} m. Xác suất này tách riêng với mức cảnh báo.",
}

EN = {
    "map.neck": "neck that the river may cut through (chance of {least} or more)",
    "map.neck.label": "neck {chance}",
    "segment.neck": "The river may cut through the neck of land here: chance {chance} within {days} days (90 % interval: {low} to {high}); "
    "the neck is {width} m wide. This chance stands apart from the level.",
}
