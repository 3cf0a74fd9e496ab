"""Texts of the screen on whether the model suits a river, in both languages."""

VI = {
    "holds.not_calibrated": "Mô hình chưa được hiệu chỉnh cho sông này",
    "holds.not_calibrated.more": "Sông này khác với sông mà mô hình đã học, nên xác suất có thể sai nhiều và đã được nới rộng; "
    "thứ tự các đoạn bờ đáng tin hơn. Cần làm: huấn luyện mô hình bằng chuỗi số liệu của chính sông này nếu đủ dài, hoặc đánh giá "
    "mô hình trên đó (erosion evaluate --attach).",
    "holds.title": "Mô hình có hợp với sông này không?",
    "holds.at_home": "Có: sông này giống sông mà mô hình đã học.",
    "holds.evaluated": "Có: mô hình đã được đánh giá trên số liệu của chính sông này và được chấp nhận.",
    "holds.not_tested": "Chưa kiểm tra được.",
    "holds.reach": "{reach}: khác sông gần nhất đã học ({river}) {distance}, giới hạn {limit} (theo {dates} ngày huấn luyện; cứ {whole} ngày của sông đã "
    "học thì nhiều nhất một ngày vượt giới hạn)",
    "holds.reach.not_tested": "{reach}: chưa kiểm tra, vì {why}",
    "holds.evaluation": "Đánh giá {release} ngày {date}, {target}: đã xảy ra {observed}, mô hình tính {expected}, tỉ số {ratio} "
    "({low} đến {high})",
    "holds.accepted": "được chấp nhận",
    "holds.rejected": "không được chấp nhận",
}

EN = {
    "holds.not_calibrated": "The model is not calibrated for this river",
    "holds.not_calibrated.more": "This river is unlike the one the model was trained on, so probabilities may be far off and were "
    "widened; the order of the stretches of bank is more reliable. What to do: train a model on this river's own record if it is "
    "long enough, or evaluate the model on it (erosion evaluate --attach).",
    "holds.title": "Does the model suit this river?",
    "holds.at_home": "Yes: this river is like the one the model was trained on.",
    "holds.evaluated": "Yes: the model was evaluated on this river's own record and accepted.",
    "holds.not_tested": "It could not be tested.",
    "holds.reach": "{reach}: distance from the nearest river of training ({river}) {distance}, limit {limit} (of {dates} dates of "
    "training; at most one in {whole} dates of that river passes the limit)",
    "holds.reach.not_tested": "{reach}: not tested, because {why}",
    "holds.evaluation": "Evaluation of {release} on {date}, {target}: {observed} happened, the model gave {expected}, ratio {ratio} "
    "({low} to {high})",
    "holds.accepted": "accepted",
    "holds.rejected": "not accepted",
}
