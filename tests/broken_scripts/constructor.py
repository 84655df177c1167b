from tigrest import Handler


class Broken(Handler):
    regex = "/constructor"

    def __init__(self):
        raise RuntimeError("no database")

    def exec_get(self):
        return {}
