#!/bin/sh
# Times onebyone, MONAI and tiatoolbox on one image and network, each in an environment of its own.
# Usage: benchmarks/scan_peers.sh [FOLDER]; wheels of torch for CPUs come from PIP_EXTRA_INDEX_URL.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=${1:-scan-peers}
mkdir -p "$folder"

python3 -m venv "$folder/onebyone"
"$folder/onebyone/bin/pip" install --quiet "$here/..[bench,demo-scan]"
"$folder/onebyone/bin/python" "$here/scan_peers.py" --folder "$folder" --write \
    --tools slide,scan,monai | tee "$folder/results.jsonl"

python3 -m venv "$folder/tiatoolbox"
"$folder/tiatoolbox/bin/pip" install --quiet tiatoolbox "torch<2.13" imagecodecs
"$folder/tiatoolbox/bin/python" "$here/scan_peers.py" --folder "$folder" \
    --tools tiatoolbox | tee -a "$folder/results.jsonl"
