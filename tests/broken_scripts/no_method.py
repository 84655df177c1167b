from tigrest import Handler


class Broken(Handler):
    regex = "/broken"
    exec_get = 5
