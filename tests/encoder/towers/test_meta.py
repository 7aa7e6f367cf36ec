"""What a tower's first building, on the meta device, may import."""

from __future__ import annotations

import subprocess
import sys


def test_to_load_the_shipped_encoder_imports_neither_transformers_nor_a_compiler() -> None:
    code = (
        "import sys; from echosearch.encoder.bundle.shipped import shipped_bundles;"
        "from echosearch.encoder.torch_encoder import load_encoder;"
        "encoder = load_encoder(shipped_bundles()['phantom-tiny'], 'cpu'); encoder.load('video'); encoder.load('text');"
        "print(sorted({'transformers', 'timm', 'torchvision', 'torch._dynamo', 'sympy'} & set(sys.modules)));"
        "print('echosearch.encoder.towers.bert' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["[]", "True"]
