"""Figures of whether the model suits a river, in both languages; what they mean for the reader is said in publish/applicability."""

VI = {
    "applicability.title": "Mô hình có hợp với sông này không?",
    "applicability.reach": "{reach}: khác sông gần nhất đã học ({river}) {distance}, giới hạn {limit} (theo {dates} ngày huấn luyện; cứ {whole} ngày của sông đã "
    "học thì nhiều nhất một ngày vượt giới hạn)",
    "applicability.reach.not_tested": "{reach}: chưa kiểm tra, vì {why}",
    "applicability.evaluation": "Đánh giá {release} ngày {date}, {target}: đã xảy ra {observed}, mô hình tính {expected}, tỉ số {ratio} "
    "({low} đến {high})",
    "applicability.accepted": "được chấp nhận",
    "applicability.rejected": "không được chấp nhận",
}

EN = {
    "applicability.title": "Does the model suit this river?",
    "applicability.reach": "{reach}: distance from the nearest river of training ({river}) {distance}, limit {limit} (of {dates} dates of "
    "training; at most one in {whole} dates of that river passes the limit)",
    "applicability.reach.not_tested": "{reach}: not tested, because {why}",
    "applicability.evaluation": "Evaluation of {release} on {date}, {target}: {observed} happened, the model gave {expected}, ratio {ratio} "
    "({low} to {high})",
    "applicability.accepted": "accepted",
    "applicability.rejected": "not accepted",
}
