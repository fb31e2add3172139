#!/bin/sh
# Lines to begin with, one for each way to start many tasks. Tests run the one for GNU parallel with a small experiment.

# Slurm: an array of 100 tasks; each is told to end a minute before its time is over.
sbatch --array=0-99 --signal=TERM@60 --wrap 'sweep scatter --sweep kernel=v3.6,v6.1,v6.12 --replicas 100 --task auto --out results'

# MPI: 16 ranks.
mpirun -n 16 sweep scatter --replicas 160 --task auto --out results

# GNU parallel: 8 tasks.
parallel -N0 sweep scatter --replicas 80 --task auto --tasks 8 --out results ::: 1 2 3 4 5 6 7 8
