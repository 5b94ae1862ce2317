#!/usr/bin/env bash
# Tells the story of docs/lineage-example.md, as Markdown: story.sh FOLDER PLOT >docs/lineage-example.md
# FOLDER is for the repository that it makes, PLOT for a picture. `python` needs git-theta, matplotlib, torch,
# safetensors and scikit-learn.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
plot=$(realpath "$2")
mkdir "$1" && cd "$1"
export PYTHONDONTWRITEBYTECODE=1 GIT_PAGER=cat

text() { printf '\n%s\n' "$*"; }
chapter() { printf '\n## %s\n' "$1"; }
commit() { git commit -qm "$1"; }

# Show a command and its output; it may fail.
tell() {
    printf '\n```console\n$'
    for word in "$@"; do
        case $word in
        *[!A-Za-z0-9_./:=,@%+-]*) printf " '%s'" "$word" ;;
        *) printf ' %s' "$word" ;;
        esac
    done
    printf '\n'
    "$@" 2>&1 || true
    printf '```\n'
}

train() {
    git theta run --input train.py --input models.py --input data/train.npz --out base/model.safetensors \
        -- python train.py --data data/train.npz "$@" --out '{out}' >/dev/null
}

cat <<'END'
# A family of models

A base model, five models that are made from it, and a merge: how they were made is recorded, they're tested, a bug in the
base's data is found, and its repair reaches all of them. The models are small networks that really learn to read scanned
digits; everything below is the output of `docs/examples/lineage/story.sh`, which takes a few minutes, most of them for
importing PyTorch.
END

git init -q -b main .
git config user.name "Ada" && git config user.email ada@example.org
git theta install --local >/dev/null
cp "$here"/{models,prepare,train,finetune,adapter,evaluate}.py .
git theta track '*.safetensors' >/dev/null
mkdir -p data base tasks/{parity,large,loops} adapters/{turned,inverted} merged
python prepare.py test data/test.npz
python prepare.py train data/train.npz
git add . && commit "Add scripts and data"

chapter "How models are made"
text "\`git theta run\` runs the command that makes a model, stages the model and writes a record beside it: the command, the
files that it read, its parents and its environment. Here is the base, which tells the digits from each other:"
tell git theta run --input train.py --input models.py --input data/train.npz --out base/model.safetensors \
    -- python train.py --data data/train.npz --epochs 20 --out '{out}'
commit "Train the base"
text "Three fine-tunes know whether a digit is odd, whether it's five or more, and how many loops it has, from 200 examples
each. Two adapters read images that are turned, or white on black. The last model is the average of the fine-tunes, with all
their heads."
for task in parity large loops; do
    words=(git theta run --from base/model.safetensors --relation finetune --input finetune.py --input models.py
        --input data/train.npz --out "tasks/$task/model.safetensors"
        -- python finetune.py --base base/model.safetensors --data data/train.npz --task "$task" --out '{out}')
    if test $task = parity; then tell "${words[@]}"; else "${words[@]}" >/dev/null; fi
done
commit "Fine-tune the base for three tasks"
for change in turned inverted; do
    git theta run --from base/model.safetensors --relation adapter --input adapter.py --input models.py \
        --input evaluate.py --input data/train.npz --out adapters/$change/adapter_model.safetensors \
        -- python adapter.py --base base/model.safetensors --data data/train.npz --change $change --out '{out}' >/dev/null
done
git add adapters && commit "Adapt the base to other images"
tell git theta run --from tasks/parity/model.safetensors --from tasks/large/model.safetensors \
    --from tasks/loops/model.safetensors --relation merge --input base/model.safetensors --out merged/model.safetensors \
    -- git theta combine tasks/{parity,large,loops}/model.safetensors --base base/model.safetensors -s average -o '{out}'
commit "Merge the three tasks into one model"
tell git theta lineage
text "Markdown can draw the same graph: \`git theta lineage --mermaid\`."
printf '\n```mermaid\n'
git theta lineage --mermaid
printf '```\n'

chapter "Tests"
text "A test is a command that prints a metric, and the models that it's for. The one for adapters needs their base."
tell git theta test add accuracy --on 'base/*' --on 'tasks/*' --on 'merged/*' --metric json:accuracy --max-drop 0.02 \
    -- python evaluate.py '{model}' --data data/test.npz
for change in turned inverted; do
    tell git theta test add $change --on "adapters/$change/*" --metric json:accuracy --max-drop 0.02 \
        -- python evaluate.py '{model}' --base '{parent}' --data data/test.npz --change $change
done
tell git theta test run --record
git add .theta && commit "Test all models"

chapter "An update that isn't taken"
text "The base is trained for longer, then with fewer bytes for its data, then at lower rates. Nobody looks at its accuracy."
for epochs in 25 30; do
    train --epochs $epochs && commit "Train the base for $epochs epochs"
done
sed -i 's|(digits.images\[part\] / WHITE)|(digits.images[part].astype(np.uint8) / 255)|' prepare.py
sed -i '/^#: The value of a white/,/^WHITE/d' prepare.py
python prepare.py train data/train.npz
git add . && train --epochs 30 && git add . && commit "Read images as bytes"
for rate in 9e-4 8e-4 7e-4 6e-4; do
    train --epochs 30 --rate $rate && commit "Train the base at a rate of $rate"
done
tell git log --oneline -- base/model.safetensors
text "The other models are still those of the first base. \`git theta cascade\` makes them again, by their recorded commands,
each after its parents; and takes only those whose tests say that they're as good as before."
tell git theta cascade base/model.safetensors
text "No model was taken. \`--abort\` ends the cascade; it would also undo those that were:"
tell git theta cascade --abort

chapter "The version that broke it"
text "\`git theta bisect\` runs a test on few of the base's versions, in a scratch folder:"
tell git theta bisect accuracy base/model.safetensors
bad=$(git log -1 --format=%h ':/Read images as bytes')
tell git show --format='%h %s' -U0 "$bad" -- prepare.py
text "Pixels are numbers up to 16 in this set, so the images became dark; those of the test set didn't."

chapter "The repair"
sed -i 's|(digits.images\[part\].astype(np.uint8) / 255)|(digits.images[part] / WHITE)|' prepare.py
sed -i 's|^TEST = 400$|&\n\n#: The value of a white pixel.\nWHITE = 16|' prepare.py
python prepare.py train data/train.npz
git add . && train --epochs 30 --rate 6e-4 && commit "Divide pixels by the value of white"
text "The data is written again, and the base trained again. Now the cascade goes through:"
tell git theta cascade base/model.safetensors
tell git theta test run --record
git add .theta && commit "Test all models again"
text "What isn't known about earlier versions can be found out at any time. The results are in Git (\`.theta/results\`), so
\`git log -p\` shows them; \`--html\` draws them."
first=$(git log --format=%h -- base/model.safetensors | tail -1)
git theta test run accuracy base/model.safetensors --rev "$first..HEAD" >/dev/null 2>&1 || true
tell git theta test log
git theta test log --json | python "$here/plot.py" "$plot"
text "![Accuracy of the base through its versions, and of all models before and after](images/$(basename "$plot"))"

chapter "Commands"
text "[run](commands/run.md), [lineage](commands/lineage.md), [test](commands/test.md), [cascade](commands/cascade.md),
[bisect](commands/bisect.md)"
