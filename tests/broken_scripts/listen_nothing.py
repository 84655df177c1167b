from tigrest import Handler, Match


class Broken(Handler):
    match = Match(local="echo")
    regex = "/listen_nothing"

    def exec_get(self):
        return {}
