from tigrest import Handler


class Broken(Handler):
    regex = "/bad_max_body"
    maxBody = "1M"

    def exec_post(self):
        return None
