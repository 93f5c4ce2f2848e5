"""`prefect-toapis completion`: has a shell complete the commands and their options."""

from typing import Literal

from prefect_toapis.cli import app


def completion(shell: Literal["bash", "zsh", "fish"]) -> None:
    """Print a script that has a shell complete commands, options and their values.

    bash: eval "$(prefect-toapis completion bash)" in ~/.bashrc

    zsh: prefect-toapis completion zsh > "${fpath[1]}/_prefect-toapis"

    fish: prefect-toapis completion fish > ~/.config/fish/completions/prefect-toapis.fish

    Or `prefect-toapis --install-completion` does that for the current shell.

    Args:
        shell: The shell.
    """
    app.resolved_commands()  # the script has the options of each
    script = app.generate_completion(shell=shell)
    # Where a command has nothing to offer, such as for a spec, bash completes file names.
    print(script.replace("\ncomplete -F ", "\ncomplete -o default -F "))
