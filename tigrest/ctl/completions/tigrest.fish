# Completion of tigrest for fish: tigrest ctl completion fish > ~/.config/fish/completions/tigrest.fish
# The commands of ctl and their arguments come from the running gateway.

function __tigrest_ctl
    set -l words (commandline -opc)
    $words[1] ctl --complete $words[3..-1] (commandline -ct) 2>/dev/null
end

complete -c tigrest -n __fish_use_subcommand -f -a "api-key check client ctl hash-password hook new routes serve token webhooks"
complete -c tigrest -n "__fish_seen_subcommand_from ctl" -f -a "(__tigrest_ctl)"
