"""`sma completion`: prints the script with which a shell completes commands, options and parts; it is click's own."""

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that lets SHELL complete the commands, options and parts of `sma`.

    The shell has to find `sma` on its path: `export PATH="$PWD/.venv/bin:$PATH"` in the checkout.

    \b
    Examples:
      eval "$(sma completion bash)"                               # this shell; put it into ~/.bashrc for all
      eval "$(sma completion zsh)"                                # ... ~/.zshrc
      sma completion fish > ~/.config/fish/completions/sma.fish
    """
    completion_class = get_completion_class(shell)
    if completion_class is None:
        raise AssertionError(f"click completes no {shell}")
    root = context.find_root()
    click.echo(completion_class(root.command, {}, "sma", "_SMA_COMPLETE").source())
