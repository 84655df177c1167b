import no_such_module_anywhere

from tigrest import Handler
