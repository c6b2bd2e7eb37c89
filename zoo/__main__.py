"""``python -m zoo`` is ``zoo-cli``, for launchers that start a module: ``torchrun --nproc-per-node 2 -m zoo …``."""

from zoo.cli import main

if __name__ == "__main__":
    main()
