"""What the sub-commands of `hotline` do. `hotline.cli` only names them, so that `hotline --help` stays fast."""
