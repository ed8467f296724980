"""`python -m namaskah_deploy`: the same command without an installed script."""

from namaskah_deploy.cli import main

if __name__ == "__main__":
    main()
