#!/bin/sh
# Does the benchmark's job with one program: national.sh BINARY DATA OUT MODE
#
# MODE `full` begins anew: the project beside this script is copied to OUT/project, reads DATA, and OUT gets the layout
# in which the job wants its results. MODE `update` runs the project that is there; where nothing changed, nothing is
# written. Exit code 3, released with gaps, is a success here: the feed begins before the first month of the input.
set -eu
binary=$1 data=$2 out=$3 mode=$4

if [ "$mode" = full ]; then
    case $0 in
        */*) here=${0%/*} ;;
        *) here=. ;;
    esac
    case $data in
        /*) ;;
        *) data=$PWD/$data ;;
    esac
    rm -rf "$out"
    mkdir -p "$out"
    cp -R "$here/project" "$out/project"
    for file in feeds/archive lookups/lookup lookups/pop; do
        path=project/pipelines/national/$file.toml
        sed "s|@DATA@|$data|" "$here/$path" > "$out/$path"
    done
fi

"$binary" --project "$out/project" run --quiet || [ $? -eq 3 ]

if [ "$mode" = full ]; then
    ln -s project/warehouse/datasets/facts "$out/facts"
    ln -s project/warehouse/datasets/facts_quarantine "$out/quarantine"
    ln -s project/warehouse/published/current "$out/measures"
fi
