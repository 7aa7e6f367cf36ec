"""The text of each reason why a file is left out, in Japanese; reading/reason_text.py has the English one."""

from __future__ import annotations

from echosearch.outcome import Reason

__all__ = ["JAPANESE_MEANING"]

JAPANESE_MEANING: dict[str, str] = {
    Reason.EMPTY: "中身のないファイルです",
    Reason.NOT_AN_IMAGE: "DICOM、mp4、avi のいずれでもありません",
    Reason.PACKED: "zip、tar、ディスクイメージなどです。展開してから取り込んでください",
    Reason.DICOMDIR: "ほかのファイルの目録です",
    Reason.NOT_A_CINE_CLASS: "レポート、PDF、計測値、または他のモダリティです",
    Reason.SECONDARY_CAPTURE: "画面の写しで、氏名を含むことがあります。ingest --secondary-capture で取り込めます",
    Reason.VOLUME: "3D ボリュームは取り込みません",
    Reason.STILL: "静止画です。動画だけを取り込みます",
    Reason.SPECTRAL: "ドプラ波形または M モードです",
    Reason.DUPLICATE: "同じ動画が別のファイルから取り込まれています",
    Reason.OPTED_OUT: "オプトアウトした患者のもので、何も保存していません",
    Reason.TRUNCATED: "ファイルが途中で切れています。書き出し直してください",
    Reason.BAD_HEADER: "必要な値がないか、ありえない値です",
    Reason.NO_IDENTITY: "どの検査のものか分かりません。mp4 と avi には --sidecar を指定してください",
    Reason.UID_CONFLICT: "同じ SOP Instance UID で画像の異なるファイルがあります",
    Reason.PATIENT_CONFLICT: "一つの検査に二人の患者が記録されています。元のデータを訂正してください",
    Reason.TOO_LARGE: "ヘッダーの示す大きさが上限を超えています",
    Reason.UNSUPPORTED_SYNTAX: "対応していない転送構文です。非圧縮または JPEG で書き出してください",
    Reason.DECODE_FAILED: "画像を復号できません",
    Reason.GREEN_FRAMES: "作成時に色が二重に変換されたか、変換されていません",
    Reason.MASK_FAILED: "超音波の扇形が見つからず、マスクできません",
    Reason.DECODER_CRASH: "復号プロセスが二度終了しました",
    Reason.DECODER_TIMEOUT: "二度、制限時間を超えました",
    Reason.RUN_DIED: "読み取り中に取り込みが何度も異常終了しました",
    Reason.CHANGED: "読み取り中に変更されました。もう一度取り込んでください",
    Reason.UNREADABLE: "OS がファイルを読ませません。権限とディスクを確かめてください",
    Reason.BAD_VECTOR: "エンコーダーの出力が使えません",
}
