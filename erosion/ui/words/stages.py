"""Names of the stages of a run on the operations page, in both languages."""

VI = {
    "ops.stage.fetch": "tải ảnh và số đo mới",
    "ops.stage.read": "đọc ảnh và số đo trạm",
    "ops.stage.baseline": "vạch đường bờ",
    "ops.stage.banks": "đo bờ lùi",
    "ops.stage.features": "tính yếu tố",
    "ops.stage.forecast": "dự báo",
    "ops.stage.alerts": "định mức",
    "ops.stage.export": "ghi tệp",
}

EN = {
    "ops.stage.fetch": "fetch new images and readings",
    "ops.stage.read": "read images and gauges",
    "ops.stage.baseline": "trace the banks",
    "ops.stage.banks": "measure retreat",
    "ops.stage.features": "describe each segment",
    "ops.stage.forecast": "forecast",
    "ops.stage.alerts": "set levels",
    "ops.stage.export": "write files",
}
