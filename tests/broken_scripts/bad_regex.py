from tigrest import Handler


class Broken(Handler):
    regex = r"/bad_regex/([^/+"

    def exec_get(self):
        return {}
