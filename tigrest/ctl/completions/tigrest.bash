# Completion of tigrest for bash: eval "$(tigrest ctl completion bash)", or put this into /etc/bash_completion.d/tigrest.
# The commands of ctl and their arguments come from the running gateway.

_tigrest() {
    local current=${COMP_WORDS[COMP_CWORD]} program=${COMP_WORDS[0]/#\~/$HOME} word
    COMPREPLY=()
    if ((COMP_CWORD == 1)); then
        mapfile -t COMPREPLY < <(compgen -W "api-key check client ctl hash-password hook new routes serve token webhooks" -- "$current")
    elif [[ ${COMP_WORDS[1]} == ctl ]]; then
        while IFS=$'\t' read -r word _; do
            COMPREPLY+=("$word")
        done < <("$program" ctl --complete "${COMP_WORDS[@]:2:COMP_CWORD-1}" 2>/dev/null)
    else
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
    fi
}

complete -o default -F _tigrest tigrest
