"""Every English name with every cue and grade, and every measurement however English reports write it."""

from __future__ import annotations

import pytest

from echosearch.report.facts import load_lexicon, read_facts

Told = tuple[str, str, float | None, float | None]
NAMES = {
    "lv_dilation": "left ventricular dilatation|LV dilation|LV enlargement|left ventricular enlargement",
    "la_dilation": "left atrial enlargement|left atrial dilation|LA dilatation|LA enlargement",
    "la_dilation ra_dilation": "biatrial enlargement",
    "ra_dilation": "right atrial enlargement|RA dilation",
    "rv_dilation": "right ventricular enlargement|RV dilatation|RV enlargement",
    "lv_hypertrophy": "left ventricular hypertrophy|LVH|concentric LVH|concentric hypertrophy",
    "asym_septal_hyp": "asymmetric septal hypertrophy|septal hypertrophy",
    "diffuse_hypo": "global hypokinesis|diffuse hypokinesis|global LV hypokinesis",
    "hypokinesis": "inferior hypokinesis|hypokinesis of the anterior wall|inferior wall hypokinesis",
    "septal_motion": "paradoxical septal motion|septal flattening|flattening of the interventricular septum",
    "lv_dyssynchrony": "LV dyssynchrony|dyssynchrony",
    "lvef_low": "LV systolic dysfunction|reduced LVEF|reduced left ventricular systolic function",
    "lv_diastolic": "diastolic dysfunction|LV diastolic dysfunction|left ventricular diastolic dysfunction",
    "high_lvfp": "elevated LV filling pressure|elevated left atrial pressure|elevated filling pressures",
    "lv_aneurysm": "LV aneurysm|apical aneurysm|left ventricular aneurysm",
    "rv_function": "RV dysfunction|right ventricular dysfunction|RV systolic dysfunction|reduced RV function",
    "rv_overload": "RV volume overload|RV pressure overload",
    "mr": "mitral regurgitation|MR|mitral valve regurgitation|mitral insufficiency",
    "ms": "mitral stenosis|mitral valve stenosis|MS",
    "ar": "aortic regurgitation|aortic insufficiency|AR|AI",
    "as": "aortic stenosis|aortic valve stenosis|AS",
    "tr": "tricuspid regurgitation|TR",
    "pr": "pulmonic regurgitation|pulmonary regurgitation|pulmonic insufficiency|PR",
    "pulm_stenosis": "pulmonic stenosis|pulmonary valve stenosis",
    "mac": "mitral annular calcification|MAC",
    "av_sclerosis": "aortic sclerosis|aortic valve sclerosis|aortic valve calcification",
    "ph": "pulmonary hypertension|PH|pulmonary arterial hypertension",
    "aorta_dilation": "aortic dilatation|dilatation of the ascending aorta|aortic root dilation"
    "|ascending aortic aneurysm",
    "pericardial_effusion": "pericardial effusion",
    "tamponade": "tamponade|cardiac tamponade|RV diastolic collapse|right atrial collapse",
    "pleural_effusion": "pleural effusion|left pleural effusion",
    "ivc_dilation": "IVC dilatation|dilated IVC",
    "sec": "spontaneous echo contrast",
    "prosthetic_leak": "paravalvular leak|paravalvular regurgitation|perivalvular leak",
    "lvoto": "LVOT obstruction|left ventricular outflow tract obstruction|LVOTO",
}
UNGRADED = {
    "rwma": "regional wall motion abnormality|regional wall motion abnormalities|segmental wall motion abnormality",
    "akinesis": "apical akinesis|akinesis of the inferior wall",
    "mvp": "mitral valve prolapse|MVP|prolapse of the mitral valve",
    "dissection": "aortic dissection|dissection",
    "thrombus": "thrombus|LV thrombus|left atrial appendage thrombus|intracardiac thrombus",
    "vegetation": "vegetation|vegetations|endocarditis",
    "tumor": "intracardiac mass|cardiac mass|myxoma",
    "asd": "atrial septal defect|ASD",
    "pfo": "PFO|patent foramen ovale",
    "vsd": "ventricular septal defect|VSD",
    "shunt": "intracardiac shunt|left-to-right shunt|interatrial shunt",
    "sam": "systolic anterior motion|SAM",
}
CUES = {
    "absent": "No {}.|There is no {}.|No evidence of {}.|Without {}.|{}: none|No definite {} is seen."
    "|There is no evidence of {}.|{} is not seen.|{} was not detected.|Negative for {}.",
    "not_significant": "No significant {}.|There is no significant {}.|No hemodynamically significant {}.",
    "uncertain": "Possible {}.|Suspected {}.|{} cannot be excluded.|Findings suggestive of {}.|Probable {}."
    "|Findings consistent with {}.|Cannot rule out {}.",
    "present": "{}.|{} is present.|There is {}.|{} is noted.|{} is seen.",
}
GRADES = {
    (1, 1): "Trace {}.|Trivial {} is present.",
    (2, 2): "Mild {}.|{} is mild.|There is mild {}.|Mild {} is noted.|{}: mild|{} (mild)",
    (2, 3): "Mild to moderate {}.|Mild-to-moderate {} is seen.",
    (3, 3): "Moderate {}.|{} is moderate.",
    (3, 4): "Moderate to severe {}.",
    (4, 4): "Severe {}.|There is severe {}.|{} severe",
}
VALUES = {
    "lvef": ("LVEF|EF|Ejection fraction|Left ventricular ejection fraction|LV ejection fraction", "%", 55, 60),
    "gls": ("GLS|Global longitudinal strain", "%", 18, 20),
    "lvdd": ("LVEDD|LVIDd|LV end-diastolic diameter|Left ventricular end-diastolic dimension", "mm", 52, 58),
    "lvds": ("LVESD|LVIDs|LV end-systolic diameter", "mm", 34, 38),
    "lad": ("LA diameter|LA dimension", "mm", 42, 45),
    "aod": ("Aortic root|Aortic root diameter", "mm", 33, 36),
    "asc_ao": ("Ascending aorta|Ascending aorta diameter", "mm", 38, 41),
    "ivc": ("IVC|IVC diameter", "mm", 16, 20),
    "tapse": ("TAPSE", "mm", 18, 20),
    "lavi": ("LAVI|LA volume index|Left atrial volume index", "mL/m2", 40, 48),
    "ea_ratio": ("E/A|E/A ratio", "", 0.8, 1.2),
    "e_e": ("E/e'|E/e' ratio|Average E/e'", "", 12, 15),
    "dt": ("Deceleration time|DT|E wave deceleration time", "ms", 210, 240),
    "trpg": ("TR gradient|TR peak gradient|TR PG", "mmHg", 31, 40),
    "rvsp": (
        "RVSP|Estimated RVSP|PASP|Estimated PASP|Right ventricular systolic pressure"
        "|Pulmonary artery systolic pressure|Estimated pulmonary artery systolic pressure",
        "mmHg",
        45,
        55,
    ),
    "trv": ("TR velocity|TR Vmax|Peak TR velocity", "m/s", 2.8, 3.2),
    "ava": ("AVA|Aortic valve area", "cm2", 0.8, 1.1),
    "mva": ("MVA|Mitral valve area", "cm2", 1.4, 1.6),
    "av_vmax": ("Aortic valve peak velocity|Peak aortic velocity|AV Vmax|AV peak velocity", "m/s", 3.8, 4.2),
    "av_mpg": (
        "AV mean gradient|Aortic valve mean gradient|Mean aortic gradient|Mean aortic valve gradient",
        "mmHg",
        38,
        45,
    ),
    "mv_mpg": ("MV mean gradient|Mean mitral gradient|Mitral valve mean gradient", "mmHg", 4, 6),
    "lvot_pg": ("LVOT gradient|Peak LVOT gradient|LVOT peak gradient", "mmHg", 40, 50),
    "ivs": ("IVS|IVSd|Septal wall thickness|Interventricular septum", "mm", 11, 13),
    "pw": ("PW|LVPW|Posterior wall thickness|Posterior wall", "mm", 10, 12),
}
WRITTEN = (
    "{n} {v}{u}",
    "{n}: {v} {u}",
    "{n} is {v} {u}.",
    "{n} = {v}{u}",
    "{n} of {v} {u}.",
    "{n} was {v} {u}.",
    "{n} measures {v} {u}.",
    "{n} estimated at {v} {u}.",
    "The {n} is {v} {u}.",
    "{n} is approximately {v} {u}.",
    "{n} ({v} {u})",
    "{n} is estimated to be {v} {u}.",
)
TWICE = (
    "{n} {v} {u} (previously {w} {u})",
    "{n} {v} {u}, previously {w} {u}.",
    "{n} {v} {u}, prior {w} {u}.",
    "{n} is {v} {u}, changed from {w} {u}.",
    "{n} has increased from {w} to {v} {u}.",
    "{n} decreased from {w} {u} to {v} {u}.",
)


@pytest.mark.parametrize("concept", NAMES | UNGRADED)
def test_every_name_takes_every_cue_and_grade(concept: str) -> None:
    wrong = []
    for name in (NAMES | UNGRADED)[concept].split("|"):
        for polarity, patterns in CUES.items():
            for pattern in patterns.split("|"):
                if sorted((f.concept, f.polarity) for f in read_facts(sentence(pattern, name))) != [
                    (one, polarity) for one in concept.split()
                ]:
                    wrong.append(sentence(pattern, name))
        for grade, patterns in GRADES.items() if concept in NAMES else ():
            for pattern in patterns.split("|"):
                if sorted((f.concept, f.severity) for f in read_facts(sentence(pattern, name))) != [
                    (one, grade) for one in concept.split()
                ]:
                    wrong.append(sentence(pattern, name))
    assert wrong == []


def sentence(pattern: str, name: str) -> str:
    text = pattern.format(name)
    return text[0].upper() + text[1:]


@pytest.mark.parametrize("measure", VALUES)
def test_every_measurement_is_read_however_it_is_written(measure: str) -> None:
    names, unit, value, other = VALUES[measure]
    today: Told = (measure, "present", value, None)
    before: Told = (measure, "historical", other, None)
    said: dict[str, list[Told]] = {pattern: [today] for pattern in WRITTEN}
    said |= {pattern: [before, today] for pattern in TWICE}
    said["{n} {v}-{w}{u}"] = [(measure, "present", value, other)]
    said["{n} could not be measured."] = [(measure, "not_assessed", None, None)]
    wrong = []
    for name in names.split("|"):
        for pattern, expected in said.items():
            text = pattern.format(n=name, v=value, w=other, u=unit)
            if sorted(numbers(text), key=repr) != sorted(expected, key=repr):
                wrong.append(text)
    assert wrong == []


def numbers(text: str) -> list[Told]:
    measures = load_lexicon().measures
    return [(f.concept, f.polarity, f.value, f.value_hi) for f in read_facts(text) if f.concept in measures]
